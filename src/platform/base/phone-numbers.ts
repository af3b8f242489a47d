import { require } from './lazy-require.ts'

/** Loads the library of phone numbers at its first use: it takes 50 ms, and few requests contain a phone number. */
export const loadPhoneNumbers = (): typeof import('libphonenumber-js') => require('libphonenumber-js')
