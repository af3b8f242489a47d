/** Where a request comes from, as its session stores it. `operator` is the machine's user who runs a command. */
export type Origin = { ip: string; userAgent: string; operator?: string }
