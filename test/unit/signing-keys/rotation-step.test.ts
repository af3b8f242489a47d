import test from 'ava'
import { rotationStep } from '../../../src/features/signing-keys/rotation-step.ts'
import type { KeyState } from '../../../src/features/signing-keys/types.ts'

// When keys are published, promoted and retired. The times are hours before or after a fixed moment.

const hour = 3_600_000
const day = 24
const moment = Date.parse('2026-01-01T00:00:00Z')
const at = (hours: number): Date => new Date(moment + hours * hour)
const rotation = 90 * day * hour

const key = (kid: string, status: KeyState['status'], more: Partial<KeyState> = {}): KeyState => ({
  ...{ kid, status, public_key: '', not_before: at(0), not_after: null, created_at: at(0), token_life: 900 },
  ...more,
})
const signing = key('signing', 'signing')

/** The next step at this hour, in short. */
const stepAt = (hours: number, keys: KeyState[], setting: number | 'off' = rotation): string => {
  const step = rotationStep(keys, { now: at(hours), rotation: setting })
  if (!step) return 'nothing'
  if (step.do === 'publish') return `publish for ${(step.notBefore.getTime() - moment) / hour}`
  if (step.do !== 'reschedule') return `${step.do} ${step.key.kid}`
  const { kid, not_before, not_after } = step.key
  return `reschedule ${kid}: ${[not_before, not_after].map(date => date && (date.getTime() - moment) / hour)}`
}

test('a key is due → the next one is published 24 h before, and not earlier', t => {
  t.is(stepAt(89 * day - 0.01, [signing]), 'nothing')
  t.is(stepAt(89 * day, [signing]), 'publish for 2160')
  t.is(stepAt(89.5 * day, [signing]), `publish for ${90.5 * day}`, 'it still waits 24 h')
})

test('a worker was off for months → the next key is published for 24 h before it signs', t => {
  t.is(stepAt(400 * day, [signing]), `publish for ${401 * day}`)
})

test('rotation every few hours → the next key is published for the whole time', t => {
  t.is(stepAt(0, [signing], 6 * hour), 'publish for 6')
  t.is(stepAt(2, [signing], 6 * hour), 'publish for 8')
})

test('SIGNING_KEY_ROTATION is off → no key is published, but a published one is promoted', t => {
  t.is(stepAt(1000 * day, [signing], 'off'), 'nothing')
  const next = key('next', 'published', { not_before: at(1) })
  t.is(stepAt(1, [signing, next], 'off'), 'promote next')
})

test('a published key waits → no other is published, and it is promoted at its time', t => {
  const next = key('next', 'published', { not_before: at(90 * day) })
  t.is(stepAt(90 * day - 0.01, [signing, next]), 'nothing')
  t.is(stepAt(90 * day, [signing, next]), 'promote next')
  t.is(stepAt(200 * day, [signing, next]), 'promote next', 'a worker that was off promotes it at once')
})

test('two published keys → the earlier one is promoted first', t => {
  const next = [2, 1].map(hours => key(`at ${hours}`, 'published', { not_before: at(hours) }))
  t.is(stepAt(3, [signing, ...next]), 'promote at 1')
})

test('a retiring key → retired at its time', t => {
  const old = key('old', 'retiring', { not_after: at(0.25) })
  t.is(stepAt(0.2, [old, signing]), 'nothing')
  t.is(stepAt(0.25, [old, signing]), 'retire old')
})

test('no key signs → a published one is promoted at once, or a new one is made', t => {
  t.is(stepAt(0, []), 'publish for 0')
  t.is(stepAt(0, [key('next', 'published', { not_before: at(20) })]), 'promote next')
  t.is(stepAt(0, [key('gone', 'retired')], 'off'), 'publish for 0')
})

test('the clock was ahead by years when a date was set → no key waits or verifies for years', t => {
  const far = at(1000 * day)
  t.is(stepAt(0, [signing, key('next', 'published', { not_before: far })]), 'reschedule next: 24,')
  t.is(
    stepAt(0, [signing, key('old', 'retiring', { not_after: far })]),
    'reschedule old: 0,0.3333333333333333',
  )
  t.is(stepAt(0, [key('signing', 'signing', { not_before: far })]), 'reschedule signing: 0,')
  t.is(stepAt(0, [signing, key('old', 'retiring')]), 'reschedule old: 0,0.3333333333333333', 'without a date')
})

test('the clock goes back by less than a minute → no date changes', t => {
  const next = key('next', 'published', { not_before: new Date(at(24).getTime() + 59_000) })
  t.is(stepAt(0, [signing, next]), 'nothing')
})
