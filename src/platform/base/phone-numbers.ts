import { require } from './lazy-require.ts'

/**
 * Loads the library of phone numbers, which takes as long as all else that the command line needs for its help. A process
 * that answers requests calls it when it starts.
 */
export const loadPhoneNumbers = (): typeof import('libphonenumber-js') => require('libphonenumber-js')
