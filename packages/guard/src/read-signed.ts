import { parseToken, signedBytes } from './signed-token.ts'

/** A public key. What it holds besides its id depends on what checks signatures. */
export type NamedKey = { readonly kid: string }

/** Whether this key signed these bytes: Ed25519, and nothing else. */
export type CheckSignature<K extends NamedKey> = (
  key: K,
  bytes: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
) => boolean | Promise<boolean>

/** The key with this id, as long as its signatures count; null for any other id. */
export type FindKey<K extends NamedKey> = (kid: string) => K | null | Promise<K | null>

type Options<K extends NamedKey> = {
  readonly findKey: FindKey<K>
  readonly checkSignature: CheckSignature<K>
  /** The purpose of the token: empty for access tokens. */
  readonly implicitAssertion?: string
  readonly maxLength?: number
}

const utf8 = new TextEncoder()

/** The message of a token that was signed for this purpose; null for any other text. Throws only what `findKey` throws. */
export const readSigned = async <K extends NamedKey>(
  token: string,
  { findKey, checkSignature, implicitAssertion = '', maxLength }: Options<K>,
): Promise<Uint8Array | null> => {
  const parsed = parseToken(token, maxLength)
  const key = parsed && (await findKey(parsed.kid))
  if (!key) return null
  const bytes = signedBytes(parsed, utf8.encode(implicitAssertion))
  return (await checkSignature(key, bytes, parsed.signature)) ? parsed.message : null
}
