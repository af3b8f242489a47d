/**
 * The IP address and user agent of a request, as sessions and audit events store them. `operator` is the user of the
 * machine who runs a command, and `machineId` the machine client that sent the request.
 */
export type Origin = { ip: string; userAgent: string; operator?: string; machineId?: string }
