// Values that the examples of routes share. The Postman collection replaces some by its variables, the tests by those of
// their accounts.

export const example = {
  id: '019a5f7e-7a30-7c4e-9d0b-3f1f6f1d2c4b',
  clientId: 'lkc_019a5f7e7a307c4e9d0b3f1f6f1d2c4b',
  sessionId: '019a5f80-1c55-7d6a-8b1e-52c7a90e4f13',
  email: 'ada@example.com',
  newEmail: 'new.ada@example.com',
  password: 'correct horse 9',
  newPassword: 'battery staple 10',
  fullName: 'Ada Lovelace',
  phone: '+442071838750',
  address: '12 St James’s Square, London',
  /** The token of an emailed link. */
  token: 'lkp_AZ2Vq1sZc3mXo7Rk9tYw4bNd',
  code: '048213',
  /** The token of a sign-in that waits for its second step. */
  mfaToken: 'lkm_Q2hhbmdlIG1lIGlmIHlvdSBjYW4gcmVhZCB0aGlz',
  accessToken:
    'v4.public.eyJzdWIiOiIwMTlhNWY3ZS03YTMwLTdjNGUtOWQwYi0zZjFmNmYxZDJjNGIifQ.eyJraWQiOiJrNC5waWQifQ',
  refreshToken: 'lkr_AZpffnowfE6dCz8fbx0sSwGaX4AcVX1qix5Sx6kOTxM',
  feedCursor: '1801418700000-0-5f3a9c0e12ab',
  ip: '203.0.113.7',
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  time: '2027-01-31T18:05:00.000Z',
  later: '2027-03-02T18:05:00.000Z',
} as const
