// The formats in which web frameworks store PBKDF2, scrypt, argon2 and bcrypt. An import converts them to the PHC string
// format, so that every other part of the code handles one format.
// Django: https://docs.djangoproject.com/en/stable/topics/auth/passwords/ · Werkzeug (Flask): werkzeug.security ·
// ASP.NET Core Identity: PasswordHasher<TUser>.

const digests = ['sha1', 'sha256', 'sha512']

const plain = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')

const pbkdf2 = (digest: string, iterations: string | number, salt: Buffer, hash: Buffer): string =>
  `$pbkdf2-${digest}$i=${iterations}$${plain(salt)}$${plain(hash)}`

const scrypt = (n: string, r: string, p: string, salt: Buffer, hash: Buffer): string | null => {
  const logN = Math.log2(Number(n))
  return Number.isInteger(logN) ? `$scrypt$ln=${logN},r=${r},p=${p}$${plain(salt)}$${plain(hash)}` : null
}

/** The bytes of padded base64, or null if the text is not that. */
const fromBase64 = (text = ''): Buffer | null => {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}

const fromHex = (text = ''): Buffer | null =>
  /^(?:[0-9a-f]{2})+$/.test(text) ? Buffer.from(text, 'hex') : null

type Reader = { shape: RegExp; read: (groups: Record<string, string>) => string | null }

// The salts of Django and Werkzeug are texts, hashed as they are written.
const readers: Reader[] = [
  {
    shape: /^pbkdf2_(?<digest>sha1|sha256)\$(?<i>\d+)\$(?<salt>[^$]+)\$(?<hash>[^$]+)$/,
    read: ({ digest = '', i = '', salt = '', hash }) => {
      const bytes = fromBase64(hash)
      return bytes && pbkdf2(digest, i, Buffer.from(salt), bytes)
    },
  },
  {
    shape: /^scrypt\$(?<n>\d+)\$(?<salt>[^$]+)\$(?<r>\d+)\$(?<p>\d+)\$(?<hash>[^$]+)$/,
    read: ({ n = '', salt = '', r = '', p = '', hash }) => {
      const bytes = fromBase64(hash)
      return bytes && scrypt(n, r, p, Buffer.from(salt), bytes)
    },
  },
  { shape: /^argon2(?<phc>\$argon2(?:id|i|d)\$.+)$/, read: ({ phc = '' }) => phc },
  { shape: /^bcrypt\$(?<hash>\$2[aby]\$.+)$/, read: ({ hash = '' }) => hash },
  {
    shape: /^pbkdf2:(?<digest>sha1|sha256|sha512):(?<i>\d+)\$(?<salt>[^$]+)\$(?<hash>[^$]+)$/,
    read: ({ digest = '', i = '', salt = '', hash }) => {
      const bytes = fromHex(hash)
      return bytes && pbkdf2(digest, i, Buffer.from(salt), bytes)
    },
  },
  {
    shape: /^scrypt:(?<n>\d+):(?<r>\d+):(?<p>\d+)\$(?<salt>[^$]+)\$(?<hash>[^$]+)$/,
    read: ({ n = '', r = '', p = '', salt = '', hash }) => {
      const bytes = fromHex(hash)
      return bytes && scrypt(n, r, p, Buffer.from(salt), bytes)
    },
  },
  // ASP.NET: one byte of version, then numbers of four bytes, big-endian.
  {
    shape: /^(?<base64>A[A-Za-z0-9+/]{40,200}={0,2})$/,
    read: ({ base64 }) => readIdentity(fromBase64(base64)),
  },
]

const readIdentity = (bytes: Buffer | null): string | null => {
  if (!bytes) return null
  // Version 2: PBKDF2 with SHA-1 and 1000 iterations, 16 bytes of salt, 32 of hash.
  if (bytes[0] === 0 && bytes.length === 49)
    return pbkdf2('sha1', 1000, bytes.subarray(1, 17), bytes.subarray(17))
  if (bytes[0] !== 1 || bytes.length < 13) return null
  const [prf, iterations, length] = [1, 5, 9].map(at => bytes.readUInt32BE(at))
  const digest = digests[prf ?? -1]
  if (!digest || !iterations || !length || 13 + length >= bytes.length) return null
  return pbkdf2(digest, iterations, bytes.subarray(13, 13 + length), bytes.subarray(13 + length))
}

/** Converts the hash of a framework to the PHC string format or to plain bcrypt. Returns any other text as it is. */
export const toPhcFormat = (text: string): string => {
  for (const { shape, read } of readers) {
    const groups = shape.exec(text)?.groups
    if (groups) return read(groups) ?? text
  }
  return text
}

/** Known formats that are refused: too fast to compute, or made by a function that Node does not have. */
const refusedFormats: [shape: RegExp, name: string][] = [
  [/^bcrypt_sha256\$|^\$bcrypt-sha256\$/, 'bcrypt over SHA-256'],
  [/^\$2x\$/, 'bcrypt of the broken version $2x$'],
  [/^\$(?:y|gy|7)\$/, 'yescrypt'],
  [/^\$[56]\$/, 'SHA-crypt ($5$, $6$)'],
  [/^\$(?:1|apr1)\$/, 'MD5-crypt ($1$, $apr1$)'],
  [/^\$[PH]\$/, 'phpass ($P$, $H$)'],
  [/^\$S\$/, 'Drupal 7 ($S$)'],
  [/^\{[A-Za-z0-9-]+\}/, 'LDAP ({SSHA} and similar)'],
  [/^(?:md5|sha1|unsalted_md5|unsalted_sha1|crypt)\$/, 'MD5, SHA-1 or crypt of Django'],
  [/^\*[0-9A-F]{40}$/i, 'MySQL'],
  [/^[0-9a-f]{32}$/i, 'MD5 without iterations'],
  [/^[0-9a-f]{40}$/i, 'SHA-1 without iterations'],
  [/^[0-9a-f]{64}$|^[0-9a-f]{128}$/i, 'SHA-256 or SHA-512 without iterations'],
]

const acceptedFormats: [shape: RegExp, name: string][] = [
  [/^(?:bcrypt\$)?\$2[aby]\$/, 'bcrypt'],
  [/^(?:argon2)?\$argon2/, 'argon2'],
  [/^\$?scrypt[$:]/, 'scrypt'],
  [/^\$?pbkdf2[-_:$]/, 'PBKDF2'],
]

/** Why a hash cannot be imported. The text does not repeat the hash. */
export const importRefusal = (text: string): string => {
  const nameIn = (formats: [RegExp, string][]) => formats.find(([shape]) => shape.test(text))?.[1]
  const [refused, accepted] = [nameIn(refusedFormats), nameIn(acceptedFormats)]
  if (refused) return `is of a form that is not taken: ${refused}`
  if (accepted) return `is ${accepted} of a version, a cost or a spelling that is not taken`
  return 'must be a hash of bcrypt, argon2, scrypt or PBKDF2: in the PHC string format, or as passlib, Django, Werkzeug or ASP.NET Core Identity write it'
}
