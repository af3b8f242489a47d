import * as v from 'valibot'
import { pageOf, pageQuery, pageReply } from '../../platform/base/pagination.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { route } from '../http/route.ts'
import { createSite } from './create-site.ts'
import { siteBodyExample, siteChangeExample, siteExample } from './examples.ts'
import { listSites } from './list-sites.ts'
import { readSite } from './read-site.ts'
import { siteFields, siteReply, slug } from './schemas.ts'
import { currencies, siteStatuses } from './types.ts'
import { updateSite } from './update-site.ts'
import { siteView } from './view.ts'

const bySlug = v.strictObject({ slug })

const publicly = { auth: 'none', limits: ['sites'] } as const
const byAdmin = { auth: 'admin', scope: 'sites:write', fresh: true, limits: ['bearer'] } as const

const getSites = route({
  ...publicly,
  method: 'GET',
  path: '/api/v1/sites',
  summary: 'List sites',
  description: 'The newest first. `price` is in minor units: `12500` is Q125.00.',
  query: v.strictObject({
    ...pageQuery,
    status: v.exactOptional(v.picklist(siteStatuses)),
    currency: v.exactOptional(v.picklist(currencies)),
  }),
  replies: { 200: pageReply(siteReply) },
  problems: ['VALIDATION_ERROR'],
  example: {
    query: { limit: '50', status: 'available', currency: 'GTQ' },
    reply: { data: [siteExample], next_cursor: null },
  },
  handle: async (deps, { query }) => ({
    status: 200,
    body: pageOf(await listSites(deps, query), query, siteView),
  }),
})

const getSite = route({
  ...publicly,
  method: 'GET',
  path: '/api/v1/sites/:slug',
  summary: 'Read a site',
  params: bySlug,
  replies: { 200: siteReply },
  problems: ['NOT_FOUND'],
  example: { params: { slug: siteExample.slug }, reply: siteExample },
  handle: async (deps, { params }) => {
    const site = await readSite(deps, params.slug)
    return site instanceof Problem ? site : { status: 200, body: siteView(site) }
  },
})

const postSite = route({
  ...byAdmin,
  method: 'POST',
  path: '/api/v1/admin/sites',
  summary: 'Offer a site',
  body: v.strictObject({ ...siteFields, slug, image_url: v.exactOptional(siteFields.image_url) }),
  replies: { 201: siteReply },
  problems: ['DUPLICATE_ENTRY'],
  example: { body: siteBodyExample, reply: siteExample },
  handle: async (deps, { body, actor }) => {
    const site = await createSite(deps, { given: body, ...actor })
    return site instanceof Problem ? site : { status: 201, body: siteView(site) }
  },
})

const patchSite = route({
  ...byAdmin,
  method: 'PATCH',
  path: '/api/v1/admin/sites/:slug',
  summary: 'Change a site, or withdraw it from sale',
  description:
    '`status` may become `sold` or `available`, but not while the site is reserved. Only a refund makes a site available that was bought. A purchase that has started keeps its price.',
  params: bySlug,
  body: v.strictObject({
    name: v.exactOptional(siteFields.name),
    description: v.exactOptional(siteFields.description),
    price: v.exactOptional(siteFields.price),
    currency: v.exactOptional(siteFields.currency),
    image_url: v.exactOptional(siteFields.image_url),
    status: v.exactOptional(v.picklist(['available', 'sold'])),
  }),
  replies: { 200: siteReply },
  problems: ['NOT_FOUND', 'SITE_UNAVAILABLE'],
  example: {
    params: { slug: siteExample.slug },
    body: { ...siteChangeExample, status: 'available' },
    reply: siteExample,
  },
  handle: async (deps, { params, body, actor }) => {
    const update = { slug: params.slug, change: body, ...actor }
    const site = await updateSite(deps, update)
    return site instanceof Problem ? site : { status: 200, body: siteView(site) }
  },
})

export const siteRoutes: Route[] = [getSites, getSite, postSite, patchSite]
