/** The path that `PUBLIC_URL` ends with: `/accounts` of `https://example.com/accounts`, '' where there is none. */
export const basePath = (publicUrl: string): string => new URL(publicUrl).pathname.replace(/\/$/, '')

/** What follows the base path in a path, or null where the path is not below it. */
export const belowBase = (base: string, path: string): string | null => {
  if (base === '' || !path.startsWith(base)) return null
  const rest = path.slice(base.length)
  return rest === '' || rest.startsWith('/') ? rest || '/' : null
}
