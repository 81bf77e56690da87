import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Admissions, type Admission } from '../../../../src/control/sidecars/admissions.ts'

const admission: Admission = {
  namespace: 'default',
  name: 'orders-1',
  serviceAccount: 'orders',
  identity: 'spiffe://weft.local/ns/default/sa/orders',
  labels: { app: 'orders' },
  expiresAt: 1000,
}

t.beforeEach(t => void t.testdir())

function open(t: Test, now = 0): Promise<Admissions> {
  return Admissions.open(join(t.testdirName, 'admissions.json'), () => now)
}

t.test('a workload is found by its name and the identity it was admitted as', async t => {
  const admissions = await open(t)
  await admissions.admit(admission)
  const { identity } = admission
  t.strictSame(admissions.find({ namespace: 'default', name: 'orders-1' }, identity), admission)
  t.equal(admissions.find({ namespace: 'default', name: 'orders-2' }, identity), undefined)
  t.equal(admissions.find({ namespace: 'other', name: 'orders-1' }, identity), undefined)
  t.equal(admissions.find(admission, `${identity}2`), undefined)
})

t.test('an admission outlives the process', async t => {
  await (await open(t)).admit(admission)
  t.strictSame((await open(t)).find(admission, admission.identity), admission)
})

t.test('who is admitted anew takes the place of the former', async t => {
  const admissions = await open(t)
  await admissions.admit(admission)
  const identity = 'spiffe://weft.local/ns/default/sa/other'
  await admissions.admit({ ...admission, identity })
  t.equal(admissions.find(admission, admission.identity), undefined)
  t.ok(admissions.find(admission, identity))
})

t.test('what has expired is cleared away when the next one comes', async t => {
  const path = join(t.testdirName, 'admissions.json')
  await (await open(t)).admit(admission)
  const later = await open(t, 1000)
  await later.admit({ ...admission, name: 'orders-2', expiresAt: 2000 })
  t.equal(later.find(admission, admission.identity), undefined)
  const stored = JSON.parse(readFileSync(path, 'utf8')) as Admission[]
  t.strictSame(
    stored.map(({ name }) => name),
    ['orders-2'],
  )
})

t.test('a damaged file is an error that names it: who was admitted cannot be guessed', async t => {
  writeFileSync(join(t.testdirName, 'admissions.json'), '[{')
  await t.rejects(open(t), { message: /admissions.json: cannot be read/ })
})

const known = {
  namespace: 'default',
  name: 'web-0',
  serviceAccount: 'web',
  labels: { app: 'web' },
}
const identity = 'spiffe://weft.local/ns/default/sa/web'

t.test('who is not remembered may be recalled, as who he is and as nobody else', async t => {
  const path = join(t.testdirName, 'admissions.json')
  const attestors = [
    { attest: async () => undefined },
    {
      attest: async () => undefined,
      recall: ({ name }: { name: string }) => (name === 'web-0' ? known : undefined),
    },
  ]
  const admissions = await Admissions.open(path, () => 500, attestors)
  t.match(admissions.find(known, identity), { ...known, identity, recalled: true })
  t.equal(admissions.find({ ...known, name: 'web-1' }, identity), undefined)
  for (const other of [
    'spiffe://weft.local/ns/default/sa/orders',
    'spiffe://weft.local/ns/x/sa/web',
  ])
    t.equal(admissions.find(known, other), undefined, other)
})

t.test(
  'what is admitted briefly is not on disk, and known until its attestor must know it',
  async t => {
    const path = join(t.testdirName, 'admissions.json')
    let now = 0
    const admissions = await Admissions.open(path, () => now)
    admissions.admitBriefly({ ...known, identity, expiresAt: 86_400_000 })
    await admissions.admit(admission)
    t.strictSame(
      (JSON.parse(readFileSync(path, 'utf8')) as Admission[]).map(({ name }) => name),
      ['orders-1'],
    )
    now = 59_999
    t.match(admissions.find(known, identity), { labels: { app: 'web' }, recalled: true })
    now = 60_000
    t.equal(admissions.find(known, identity), undefined)
  },
)
