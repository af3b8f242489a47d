import type * as typeorm from 'typeorm'
import { require } from '../base/lazy-require.ts'
import { loadPartsLate } from './typeorm-patches.ts'

// Loads only the used parts of TypeORM. Its entry also loads all decorators and the drivers of other databases.

loadPartsLate()

type Parts = typeof typeorm

export const { DataSource }: Parts = require('typeorm/data-source/DataSource.js')
export const { EntitySchema }: Parts = require('typeorm/entity-schema/EntitySchema.js')
export const { MigrationExecutor }: Parts = require('typeorm/migration/MigrationExecutor.js')
export const { ArrayContains }: Parts = require('typeorm/find-options/operator/ArrayContains.js')
export const { Equal }: Parts = require('typeorm/find-options/operator/Equal.js')
export const { In }: Parts = require('typeorm/find-options/operator/In.js')
export const { IsNull }: Parts = require('typeorm/find-options/operator/IsNull.js')
export const { Not }: Parts = require('typeorm/find-options/operator/Not.js')
