/**
 * The IP address and user agent of a request, as sessions and audit events store them. `operator` is the user of the
 * machine who runs a command.
 */
export type Origin = { ip: string; userAgent: string; operator?: string }
