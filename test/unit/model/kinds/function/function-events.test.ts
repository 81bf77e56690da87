import t from 'tap'
import { functionKind } from '../../../../../src/model/kinds/function/function.ts'
import { checkFaults, checkTaken } from '../../schemas.ts'

const document = {
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'Function',
  metadata: { name: 'hello' },
  spec: {
    runtime: 'python3',
    code: '.',
    asynchronous: { onFailure: { function: 'dead' }, onSuccess: { url: 'https://a.example/x' } },
    triggers: [
      { name: 'nightly', schedule: { cron: '0 3 * * *', timeZone: 'Europe/Stockholm' } },
      { name: 'inbox', directory: { path: '/var/spool/hello' } },
    ],
  },
}

t.test('the defaults are those of AWS Lambda', async t => {
  const { asynchronous, triggers } = functionKind.parse({
    ...document,
    spec: { runtime: 'python3', code: '.' },
  }).spec
  t.strictSame(asynchronous, {
    retries: 2,
    backoff: 60_000,
    maxAge: 6 * 3_600_000,
    concurrency: 10,
    maxEvents: 100_000,
    maxBytes: 256 * 1024 * 1024,
  })
  t.strictSame(triggers, [])
})

t.test('a destination is a function or a URL, in one word', async t => {
  const { asynchronous, triggers } = functionKind.parse(document).spec
  t.match(asynchronous, { onFailure: 'function:dead', onSuccess: 'https://a.example/x' })
  t.match(triggers, [{ schedule: { missed: 'skip' } }, { directory: { after: 'remove' } }])
})

t.test('each field of asynchronous runs has its bounds', async t => {
  const field = (name: string): string => `spec.asynchronous.${name}`
  checkFaults(t, functionKind, document, [
    [field('retries'), -1, /0/],
    [field('retries'), 11, /10/],
    [field('retries'), 0.5, /int/],
    [field('backoff'), '0s', /longer/],
    [field('maxAge'), '0s', /longer/],
    [field('maxAge'), '600h', /is over 24 days/],
    [field('concurrency'), 0, /1/],
    [field('concurrency'), 1001, /1000/],
    [field('maxEvents'), 0, /1/],
    [field('maxEvents'), 10_000_001, /10000000/],
    [field('maxBytes'), 1024 * 1024 - 1, /1048576/],
    [field('maxBytes'), 64 * 1024 ** 3 + 1, /68719476736/],
    [field('deadLetter'), 'x', /deadLetter/, 'spec.asynchronous'],
  ])
  checkTaken(t, functionKind, document, [
    [field('retries'), 0],
    [field('retries'), 10],
    [field('backoff'), '1ms'],
    [field('maxAge'), '576h'],
    [field('concurrency'), 1000],
    [field('maxEvents'), 10_000_000],
    [field('maxBytes'), 1024 * 1024],
    [field('maxBytes'), 64 * 1024 ** 3],
  ])
})

t.test('a destination is one thing, and not the function itself', async t => {
  for (const field of ['spec.asynchronous.onFailure', 'spec.asynchronous.onSuccess']) {
    checkFaults(t, functionKind, document, [
      [field, {}, /^give either a function or a url$/],
      [field, { function: 'dead', url: 'http://a' }, /^give either a function or a url$/],
      [field, { function: 'hello' }, /^is this function itself/],
      [field, { function: 'Dead' }, /lower-case/, `${field}.function`],
      [field, { function: 'dead.other' }, /lower-case/, `${field}.function`],
      [field, { url: 'ftp://a' }, /must be a URL of http or https/, `${field}.url`],
      [field, { url: '/path' }, /must be a URL of http or https/, `${field}.url`],
      [field, { url: 'javascript:x' }, /must be a URL of http or https/, `${field}.url`],
      [field, { function: 'dead', queue: 'x' }, /queue/],
      [field, 'function:dead', /object/],
    ])
    checkTaken(t, functionKind, document, [[field, { url: 'http://127.0.0.1:8080/x?y=1' }]])
  }
})

t.test('a schedule is one that comes, in a zone that there is', async t => {
  const at = 'spec.triggers.0.schedule'
  checkFaults(t, functionKind, document, [
    [`${at}.cron`, '', /can't be read/],
    [`${at}.cron`, '61 * * * *', /can't be read/],
    [`${at}.cron`, '@daily', /can't be read/],
    [`${at}.cron`, '0 0 31 2 *', /never due/],
    [`${at}.cron`, '* '.repeat(200), /more than 256 characters/],
    [`${at}.cron`, undefined, /string/],
    [`${at}.timeZone`, 'Europe/Atlantis', /^there is no time zone "Europe\/Atlantis"/],
    [`${at}.missed`, 'all', /skip/],
  ])
  checkTaken(t, functionKind, document, [
    [`${at}.cron`, '*/15 * * * * *'],
    [`${at}.cron`, '0 9 * * mon-fri'],
    [`${at}.timeZone`, 'UTC'],
    [`${at}.timeZone`, undefined],
    [`${at}.data`, { any: ['json', 1, null] }],
    [`${at}.missed`, 'once'],
  ])
})

t.test('a folder has a path, and files that are kept or not', async t => {
  const at = 'spec.triggers.1.directory'
  checkFaults(t, functionKind, document, [
    [`${at}.path`, '', /./],
    [`${at}.path`, undefined, /string/],
    [`${at}.after`, 'archive', /remove/],
    [`${at}.settle`, 'soon', /is no duration/],
    [`${at}.recursive`, true, /recursive/, at],
  ])
  checkTaken(t, functionKind, document, [
    [`${at}.after`, 'keep'],
    [`${at}.settle`, '0s'],
  ])
})

t.test('a trigger is one thing, by a name of its own', async t => {
  const schedule = { cron: '* * * * *' }
  const named = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ name: `n${index}`, schedule }))
  checkFaults(t, functionKind, document, [
    [
      'spec.triggers.1.schedule',
      schedule,
      /^give either a schedule or a directory$/,
      'spec.triggers.1',
    ],
    [
      'spec.triggers.0.schedule',
      undefined,
      /^give either a schedule or a directory$/,
      'spec.triggers.0',
    ],
    ['spec.triggers.1.name', 'nightly', /^nightly comes twice$/],
    ['spec.triggers.1.name', 'In Box', /lower-case/],
    ['spec.triggers', named(51), /50/],
  ])
  checkTaken(t, functionKind, document, [['spec.triggers', named(50)]])
})
