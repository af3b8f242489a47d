import { require } from './lazy-require.ts'

/**
 * Loads the library of phone numbers on demand, as that takes as long as everything else that `latchkey --help` needs. A
 * process that serves requests loads it at start.
 */
export const loadPhoneNumbers = (): typeof import('libphonenumber-js') => require('libphonenumber-js')
