/**
 * The processor time in milliseconds that this thread needs for `act`. Unlike the time of a clock, it does not grow while other
 * processes use the processor.
 */
export const processorTime = (act: () => void): number => {
  const before = process.threadCpuUsage()
  act()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}
