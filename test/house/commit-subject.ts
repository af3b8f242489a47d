const lengthAtMost = 72
const types = ['build', 'ci', 'docs', 'feat', 'fix', 'perf', 'refactor', 'revert', 'style', 'test']
const conventional = new RegExp(`^(?:${types.join('|')})(?:\\([\\w,/-]+\\))?!?: (\\S+)`)

// `fixed`, `fixes` and `fixing` are not imperative. Words such as `address` or `embed` only end in the same letters.
const inflected = /(?:[^e]ed|[^s]s|ing)$/
const imperative = ['bring', 'bypass', 'embed', 'focus', 'ping', 'process', 'shed', 'speed', 'string']

/** What is wrong with the subject of a commit: it must be conventional, imperative and at most 72 characters long. */
export const subjectErrors = (subject: string): string[] => {
  const verb = conventional.exec(subject)?.[1]
  const found = [
    verb === undefined && `must begin with a type (${types.join(', ')}), an optional scope and a verb`,
    verb && inflected.test(verb) && !imperative.includes(verb) && `must be imperative, not "${verb}"`,
    verb && /^[A-Z]/.test(verb) && 'must begin in lower case after the type',
    subject.endsWith('.') && 'must not end with a full stop',
    subject.length > lengthAtMost && `has ${subject.length} characters; at most ${lengthAtMost} are allowed`,
  ]
  return found.flatMap(error => (error ? [`Commit subject "${subject}" ${error}.`] : []))
}
