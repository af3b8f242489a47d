import { Problem } from '../catalog/problems.ts'

const refused = (rule: string, message: string) =>
  new Problem('VALIDATION_ERROR', { errors: [{ path: '', rule, message }] })

/**
 * Reads a form as RFC 6749, section 3.2, describes it. A parameter without a value counts as absent. None may be sent twice:
 * a proxy may have checked the first of them, while this service uses the last.
 */
export const readParameters = (text: string): Record<string, string> | Problem<'VALIDATION_ERROR'> => {
  const found = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(text)) {
    if (found.has(name)) return refused('duplicate', 'A parameter is sent twice.')
    if (`${name}${value}`.includes('\uFFFD')) return refused('encoding', 'The form is not in UTF-8.')
    found.set(name, value)
  }
  return Object.fromEntries([...found].filter(([, value]) => value !== ''))
}
