import { challengeToken } from '../challenges/challenge-token.ts'

/** The token of a client that asked for a code by email. The code works only together with it. */
export const loginTokens = challengeToken('lke_')
