import { openWithGateway, type Sales } from '../../integration/purchases/shop.ts'
import { type LocalWorld, openLocalWorld, type WorldOptions } from '../../local-world.ts'

/** Opens a world that sells sites, in this process. */
export const openLocalShop = ({ env = {}, ...options }: WorldOptions = {}): Promise<LocalWorld & Sales> =>
  openWithGateway(gateway => openLocalWorld({ ...options, env: { ...gateway, ...env } }))
