import test from 'ava'
import { type CpuProfile, type Frame, frameTree } from '../../../bench/flame/tree.ts'

const root = new URL('../../../', import.meta.url).href

const node = (id: number, functionName: string, url: string, children: number[] = []) => ({
  ...{ id, callFrame: { functionName, url }, children },
})

const profile: CpuProfile = {
  startTime: 1000,
  nodes: [
    node(1, '(root)', '', [2, 3]),
    node(2, '(idle)', ''),
    node(3, 'handle', `${root}src/app.ts`, [4, 6]),
    node(4, 'walk', `${root}node_modules/koa/lib/walk.js`, [5]),
    node(5, 'walk', `${root}node_modules/koa/lib/walk.js`),
    node(6, 'walk', `${root}node_modules/koa/lib/walk.js`),
  ],
  // The samples are taken at 1010, 1020, 1030, 1040, 1050 and 1060.
  samples: [3, 4, 5, 2, 6, 3],
  timeDeltas: [10, 10, 10, 10, 10, 10],
}

const outline = ({ name, file, self, total, children }: Frame): unknown[] => [
  ...[name, file, self, total],
  ...children.map(outline),
]

test('a profile → paths inside the repository, recursion in one frame, and no idle time', t => {
  t.deepEqual(outline(frameTree(profile, { from: 0, to: 2000 })), [
    ...['all', '', 0, 40],
    ['handle', 'src/app.ts', 10, 40, ['walk', 'koa/lib/walk.js', 30, 30]],
  ])
})

test('a window → only its samples count', t => {
  t.is(frameTree(profile, { from: 1020, to: 1040 }).total, 20)
})
