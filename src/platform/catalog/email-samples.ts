// Sample values that several emails share.

export const name = 'Ada Lovelace'
export const link = 'https://accounts.example.com/api/v1/auth/link?token=lkp_AZ2Vq1sZc3mXo7Rk9tYw4bNd'

/** When, from where and with which device something happened. */
export const circumstances = {
  time: '2027-01-31T18:05:00.000Z',
  ip: '203.0.113.7',
  device: 'Chrome, Linux',
}

/** The names of the circumstances that a flow stores with an email. */
export const asQueued = ['time', 'ip', 'device'] as const
