/** The path of `PUBLIC_URL`: `/accounts` of `https://example.com/accounts`, '' without a path. */
export const basePath = (publicUrl: string): string => new URL(publicUrl).pathname.replace(/\/$/, '')

/** The rest of a path after the base path, or null if the path is not below it. */
export const belowBase = (base: string, path: string): string | null => {
  if (base === '' || !path.startsWith(base)) return null
  const rest = path.slice(base.length)
  return rest === '' || rest.startsWith('/') ? rest || '/' : null
}
