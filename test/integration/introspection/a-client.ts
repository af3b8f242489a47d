import type { Client, Reply } from '../../client.ts'
import type { World } from '../../world.ts'
import { aMachine, basic, type Made, postForm as post } from '../clients/machine.ts'

/** `basic` is the `Authorization` header of the client. */
export type MachineClient = Made & { basic: string }

/** Creates a machine client with these scopes. */
export const aClient = async (
  world: Pick<World, 'client' | 'sql'>,
  ...scopes: string[]
): Promise<MachineClient> => {
  const made = await aMachine(world, scopes)
  return { ...made, basic: basic(made.id, made.secret) }
}

/** Sends a form to a route of `/oauth` as a machine client. */
export const postForm = (
  client: Client,
  path: 'token' | 'introspect' | 'revoke',
  form: Record<string, string>,
  { basic }: Pick<MachineClient, 'basic'>,
): Promise<Reply> => post(client, `/api/v1/oauth/${path}`, form, { authorization: basic })
