// The tables of Gateway API's MESH-HTTP and MESH-GRPC profiles (kubernetes-sigs/gateway-api v1.6.1, conformance/tests),
// and of its tests for gateways where a filter has none for meshes, played through real sidecars.
import t, { type Test } from 'tap'
import { eventually } from '../../support/mesh.ts'
import {
  startEchoApplications,
  startEchoMesh,
  type Answer,
  type EchoApplications,
} from './echo-mesh.ts'
import type { ConformanceTable, Row } from './table.ts'
import { tables } from './tables/all.ts'

/** As the suite of Gateway API has it: the share may be off by this, and is taken again if it is. */
const tolerance = 0.05
const distributionRequests = 200
const distributionTries = 10

const applications = await startEchoApplications(t)
const mesh = await startEchoMesh(t, applications)

for (const table of tables)
  t.test(`${table.name} (${table.source})`, async t => {
    await mesh.use(table.routes)
    for (const [index, row] of table.rows.entries())
      await t.test(titleOf(row, index), async t => play(t, row))
    if (table.distribution !== undefined) await checkDistribution(t, table)
  })

function titleOf({ name, request }: Row, index: number): string {
  return (
    name ?? `${index} ${request.method ?? 'GET'} ${request.host ?? 'echo'}${request.path ?? '/'}`
  )
}

async function play(t: Test, row: Row): Promise<void> {
  const answer = await mesh.send(row.request)
  checkAnswer(t, answer, row)
  const { mirroredTo, mirroredShare } = row.expect
  if (mirroredShare !== undefined) return checkShare(t, row)
  for (const backend of mirroredTo ?? []) {
    const path = row.expect.path ?? row.request.path
    await eventually(
      () => applications.seen.some(echo => echo.backend === backend && echo.path === path),
      isThere => isThere,
    )
    t.pass(`copied to ${backend}`)
  }
}

function checkAnswer(
  t: Test,
  { status, grpcStatus, headers, echo }: Answer,
  { expect }: Row,
): void {
  t.ok((expect.status ?? [200]).includes(status), `status ${status}`)
  if (expect.grpcStatus !== undefined) t.equal(grpcStatus, expect.grpcStatus)
  if (expect.backend !== undefined) t.equal(echo?.backend, expect.backend)
  if (expect.path !== undefined) t.equal(echo?.path, expect.path)
  if (expect.host !== undefined) t.equal(echo?.host, expect.host)
  t.match(echo?.headers ?? {}, expect.headers ?? {})
  for (const name of expect.absentHeaders ?? []) t.notOk(Object.hasOwn(echo?.headers ?? {}, name))
  for (const [name, values] of Object.entries(expect.answer ?? {}))
    t.ok(
      [values]
        .flat()
        .map(sortedList)
        .includes(sortedList(headers[name] ?? '')),
      `${name}: ${headers[name]}`,
    )
  for (const name of expect.absentAnswer ?? []) t.notOk(Object.hasOwn(headers, name), name)
}

function sortedList(value: string): string {
  return value
    .split(',')
    .map(part => part.trim())
    .toSorted()
    .join(',')
}

async function checkDistribution(t: Test, table: ConformanceTable): Promise<void> {
  const [row] = table.rows
  const wanted = Object.entries(table.distribution ?? {})
  await eventuallyOften(t, 'the backends have their shares', async () => {
    const counts = new Map<string, number>()
    for (const { echo } of await sendMany(row?.request ?? {})) {
      const backend = echo?.backend ?? 'nobody'
      counts.set(backend, (counts.get(backend) ?? 0) + 1)
    }
    const total = wanted.reduce((sum, [backend]) => sum + (counts.get(backend) ?? 0), 0)
    return (
      total === distributionRequests &&
      wanted.every(([backend, share]) => isNear((counts.get(backend) ?? 0) / total, share))
    )
  })
}

async function checkShare(t: Test, row: Row): Promise<void> {
  const { mirroredTo = [], mirroredShare = 0 } = row.expect
  const count = () => copies(applications, mirroredTo, row.request.path ?? '/')
  await eventuallyOften(t, 'copies have their share', async () => {
    const before = count()
    await sendMany(row.request)
    // The last copies may be on their way; they are few.
    return isNear((count() - before) / distributionRequests, mirroredShare)
  })
}

async function sendMany(request: Row['request']): Promise<Answer[]> {
  const answers: Answer[] = []
  while (answers.length < distributionRequests)
    answers.push(...(await Promise.all(Array.from({ length: 25 }, () => mesh.send(request)))))
  return answers
}

function copies({ seen }: EchoApplications, backends: readonly string[], path: string): number {
  return seen.filter(echo => backends.includes(echo.backend) && echo.path === path).length
}

function isNear(share: number, wanted: number): boolean {
  return wanted === 0 ? share === 0 : Math.abs(share - wanted) <= tolerance
}

async function eventuallyOften(
  t: Test,
  what: string,
  attempt: () => Promise<boolean>,
): Promise<void> {
  for (let tries = 1; tries <= distributionTries; tries++)
    if (await attempt()) return void t.pass(`${what} (try ${tries})`)
  t.fail(`${what}: not in ${distributionTries} tries`)
}
