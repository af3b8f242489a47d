/** Where a request comes from, as its session remembers. `operator`: who runs a command, by their name on the machine. */
export type Origin = { ip: string; userAgent: string; operator?: string }
