/** How long an attempt holds its email. The lease of a dead worker ends before another worker takes over its jobs. */
export const leaseSeconds = 9
