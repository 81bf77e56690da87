import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monotonicNow } from '../../src/base/clock.ts'
import { eventually } from '../support/mesh.ts'
import { MeshPair } from './mesh-pair.ts'
import { PostgresClient } from './postgres-client.ts'
import { PostgresServer } from './postgres-server.ts'
import type { Suite } from './suite.ts'

/** Within which a client must hear that there is no server. */
const refusalMs = 5000

/** The programs of PostgreSQL against its server, which stops, is killed, and comes back at another address. */
export const postgresql: Suite = {
  name: 'postgresql',
  run: async () => {
    await using server = await PostgresServer.create()
    await using pair = await MeshPair.start({ appProtocol: 'kubernetes.io/tcp', pods: 2 })
    const clientOf = (port: number): PostgresClient => new PostgresClient(server.programs, port)
    const trial: Trial = {
      server,
      pods: pair.pods,
      direct: clientOf(pair.direct),
      through: clientOf(pair.through),
    }
    await server.start(pair.direct)
    await trial.direct.run('pgbench', '--initialize', '--quiet', '--scale=5')
    const failures: string[] = []
    const cases = Object.entries({ ...comparisons, ...restarts })
    for (const [name, run] of cases) {
      const failure = await run(trial).catch((error: Error) => error.message)
      if (failure !== undefined) failures.push(`${name}: ${failure}`)
    }
    return { passed: cases.length - failures.length, total: cases.length, failures }
  },
}

interface Trial {
  readonly server: PostgresServer
  readonly pods: readonly number[]
  readonly direct: PostgresClient
  readonly through: PostgresClient
}

/** @returns why it failed. */
type Case = (trial: Trial) => Promise<string | undefined>

/** What a client finds must be the same with sidecars as without. */
const comparisons: Readonly<Record<string, Case>> = {
  'a query': same(client => client.ask('select version()')),
  'TLS of its own': same(client =>
    client.ask('select ssl, version from pg_stat_ssl where pid = pg_backend_pid()', {
      PGSSLMODE: 'require',
    }),
  ),
  'a wrong password': same(client => client.ask('select 1', { PGPASSWORD: 'another' })),
  'an error of the query': same(client => client.ask('select 1/0')),
  'a table copied out and in': same(copyBothWays),
  'a notification of another session': same(hearNotification),
  'a query cancelled from outside': same(cancelQuery),
  'a base backup with its log streamed': same(backUp),
  'transactions, simple protocol': same(client => client.bench('--protocol=simple')),
  'transactions, extended protocol': same(client => client.bench('--protocol=extended')),
  'transactions, prepared statements': same(client => client.bench('--protocol=prepared')),
  'transactions, a connection for each': same(client => client.bench('--connect')),
}

/** In this order: each leaves the server to the next. */
const restarts: Readonly<Record<string, Case>> = {
  'sessions hear of a shutdown': async ({ direct, through, server }) => {
    await using first = await direct.session()
    await using second = await through.session()
    await server.stop('SIGINT')
    return difference(await first.ask('select 1'), await second.ask('select 1'))
  },
  'without a server clients hear so': hearsRefusal,
  'a server at the same address is found': async ({ server, pods: [port = 0], through }) => {
    await server.start(port)
    return answers(through)
  },
  'a server killed under load': async ({ server, through }) => {
    const outcome = through.run('pgbench', '--no-vacuum', '--client=8', '--time=50').then(
      () => 'pgbench noticed nothing',
      () => undefined,
    )
    await eventually(
      () => through.ask("select count(*) from pg_stat_activity where application_name = 'pgbench'"),
      count => count === '8',
    )
    const started = monotonicNow()
    await server.stop('SIGKILL')
    return (await outcome) ?? inTime(started)
  },
  'still without a server clients hear so': hearsRefusal,
  'a server at another address is found': async ({ server, pods: [, port = 0], through }) => {
    await server.start(port)
    return answers(through)
  },
  'transactions at the other address': async ({ through }) => {
    const failed = await through.bench()
    return failed === '0 failed' ? undefined : failed
  },
}

function same(ask: (client: PostgresClient) => Promise<string>): Case {
  return async ({ direct, through }) => difference(await ask(direct), await ask(through))
}

function difference(direct: string, through: string): string | undefined {
  return direct === through ? undefined : `${direct} without sidecars, ${through} with them`
}

async function copyBothWays(client: PostgresClient): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-copy-'))
  const file = join(folder, 'rows')
  try {
    await client.ask('create table copied (number bigint, text text)')
    const rows = 'select i, repeat(md5(i::text), 8) from generate_series(1, 100000) i'
    await client.ask(`\\copy (${rows}) to '${file}'`)
    await client.ask(`\\copy copied from '${file}'`)
    return await client.ask(
      "select count(*), md5(string_agg(text, '' order by number)) from copied",
    )
  } finally {
    await client.ask('drop table copied')
    rmSync(folder, { recursive: true })
  }
}

async function hearNotification(client: PostgresClient): Promise<string> {
  await using session = await client.session()
  await session.ask('listen news')
  await client.ask("notify news, 'hello'")
  return await session.ask('select 1')
}

async function cancelQuery(client: PostgresClient): Promise<string> {
  await using session = await client.session()
  const answer = session.ask('select pg_sleep(50)')
  await eventually(
    () => client.ask("select count(*) from pg_stat_activity where query like 'select pg_sleep%'"),
    count => count === '1',
  )
  session.interrupt()
  return await answer
}

async function backUp(client: PostgresClient): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-backup-'))
  try {
    await client.run(
      'pg_basebackup',
      '--pgdata',
      folder,
      '--wal-method=stream',
      '--checkpoint=fast',
    )
    return await client.run('pg_verifybackup', folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function hearsRefusal({ through }: Trial): Promise<string | undefined> {
  const started = monotonicNow()
  const answer = await through.ask('select 1')
  return /server closed the connection|refused/.test(answer) ? inTime(started) : answer
}

function inTime(started: number): string | undefined {
  const tookMs = monotonicNow() - started
  return tookMs < refusalMs ? undefined : `only after ${Math.round(tookMs)} ms`
}

/** Within the ten seconds of {@link eventually}, and what was written before is there. */
async function answers(client: PostgresClient): Promise<undefined> {
  await eventually(
    () => client.ask('select count(*) from pgbench_accounts'),
    count => count === '500000',
  )
}
