/**
 * Digits of the code beside an emailed link. The code of a reset or of a sign-in alone opens an account, so it has eight.
 * Those that only confirm an address work for a client that already has the password, and are shorter to type.
 */
export const codeDigits = { verify_email: 6, change_email: 6, reset_password: 8, login: 8 } as const

/** A purpose of a token that comes with a code. */
export type CodePurpose = keyof typeof codeDigits

/** A purpose of a token that undoes a change. */
export const undoPurposes = ['undo_email_change', 'undo_deletion', 'undo_factor'] as const
export type UndoPurpose = (typeof undoPurposes)[number]

/** What an emailed link or code allows. */
export type TokenPurpose = CodePurpose | UndoPurpose

export const tokenPurposes = [...(Object.keys(codeDigits) as CodePurpose[]), ...undoPurposes]

export const isCodePurpose = (purpose: TokenPurpose): purpose is CodePurpose => purpose in codeDigits
