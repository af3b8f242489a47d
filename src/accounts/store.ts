import { type Database, read, type Statement } from '../storage/postgres.ts'
import { type User, Users } from './entity.ts'

const columns = Object.keys(Users.options.columns).join(', ')

const byId: Statement = { name: 'user-by-id', text: `SELECT ${columns} FROM users WHERE id = $1` }
const byEmail: Statement = { name: 'user-by-email', text: `SELECT ${columns} FROM users WHERE email = $1` }

export const findUser = async (database: Database, id: string): Promise<User | null> =>
  (await read<User>(database, byId, [id]))[0] ?? null

/** `email` in its canonical form. */
export const findUserByEmail = async (database: Database, email: string): Promise<User | null> =>
  (await read<User>(database, byEmail, [email]))[0] ?? null
