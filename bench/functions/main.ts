// What the mesh adds to a function: `npm run bench:functions`. Each figure beside the bare runtime, in one run.
import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { monotonicNow } from '../../src/base/clock.ts'
import { machineLines } from '../report/machine.ts'
import { makeWorkFolder } from '../setting/work-folder.ts'
import { BareRuntime } from './bare-runtime.ts'
import { FunctionMesh } from './function-mesh.ts'
import { openLoop } from './open-loop.ts'
import { percentilesOf, type Percentiles } from './percentiles.ts'
import { RawClient } from './raw-client.ts'
import { runtimes, type Runtime } from './runtimes.ts'

const directory = fileURLToPath(new URL('echo', import.meta.url))
const file = fileURLToPath(new URL('../FUNCTIONS.md', import.meta.url))
const payload = JSON.stringify({ name: 'Ada', text: 'x'.repeat(80) })
const load = { perSecond: 1000, seconds: 15, warmUpSeconds: 15 }
const processes = 2
const coldStarts = 30
/** In which a process for the next start is loaded. */
const poolRestMs = 1000
/** Of about two seconds each: an instance is left in peace for one before it is frozen. */
const rests = 20
const restMs = 2200
/** Before rests, so that their figures are not those of code that has not been compiled. */
const callsBefore = 3000

const request = [
  'POST /2015-03-31/functions/echo/invocations HTTP/1.1',
  'Host: 127.0.0.1',
  `Content-Length: ${payload.length}`,
  '',
  payload,
].join('\r\n')

process.once('SIGINT', () => process.exit(130))
makeWorkFolder()
const lines: string[] = []
for (const runtime of runtimes) {
  const missing = runtime.missing()
  if (missing === undefined) await measure(runtime)
  else console.log(`${runtime.name} is skipped: ${missing}`)
}
writeFileSync(file, [...heading(), ...lines, ''].join('\n'))

async function measure(runtime: Runtime): Promise<void> {
  // Bare and mesh take turns, so that a noisy moment meets both.
  const cases = [
    ['warm', 'bare', await warmBare(runtime)],
    ['warm', 'mesh', await warmMesh(runtime)],
    ['warm', 'bare', await warmBare(runtime)],
    ['warm', 'mesh', await warmMesh(runtime)],
    ['cold', 'bare', await coldBare(runtime)],
    ['cold', 'mesh', await coldMesh(runtime, {})],
    ['pool', 'mesh', await coldMesh(runtime, { pool: 1, restMs: poolRestMs })],
    ['idle', 'bare', await idleBare(runtime)],
    ['idle', 'mesh', await idleMesh(runtime, { tier: 'hot', until: 'idle' })],
    ['frozen', 'mesh', await idleMesh(runtime, { tier: 'frozen', until: 'frozen' })],
  ] as const
  for (const [start, through, { count, p50, p99, max }] of cases) {
    const figures = [p50, p99, max].map(value => value.toFixed(2)).join(' | ')
    const line = `| ${runtime.name} | ${start} | ${through} | ${count} | ${figures} |`
    console.log(line)
    lines.push(line)
  }
}

function heading(): string[] {
  return [
    '# What the mesh adds to a function',
    '',
    `Written by \`npm run bench:functions\`. Warm: ${load.perSecond} events a second, begun by the clock, to ${processes} instances, after ${load.warmUpSeconds} s in which code is compiled. Cold: one event when no instance runs. Pool: the same, where a process with the runtime loaded waits for it (\`scale.pool\`). Idle: one event when nothing was asked for two seconds, after ${callsBefore} that were. Frozen: the same, with the only instance stopped. Bare: the runtime with the least server that it needs, in the client's own process. Mesh: the Lambda Invoke API through the caller's and the host's sidecar, mTLS between them. All share one machine.`,
    '',
    ...machineLines(),
    '',
    '| runtime | start | through | events | p50 ms | p99 ms | max ms |',
    '|---|---|---|--:|--:|--:|--:|',
  ]
}

async function warmBare(runtime: Runtime): Promise<Percentiles> {
  await using bare = await BareRuntime.start(runtime, { directory, processes, payload })
  return percentilesOf(await openLoop(() => bare.call(), load))
}

async function warmMesh(runtime: Runtime): Promise<Percentiles> {
  const scale = { min: processes, max: processes }
  await using mesh = await FunctionMesh.start(runtime, { directory, scale })
  const client = new RawClient(mesh.outboundPort, request)
  const samples = await openLoop(() => client.call(), load)
  client.close()
  return percentilesOf(samples)
}

async function coldBare(runtime: Runtime): Promise<Percentiles> {
  const samples: number[] = []
  for (let i = 0; i < coldStarts; i++) {
    const begun = monotonicNow()
    await using bare = await BareRuntime.start(runtime, { directory, processes: 1, payload })
    await bare.call()
    samples.push(monotonicNow() - begun)
  }
  return percentilesOf(samples)
}

async function idleBare(runtime: Runtime): Promise<Percentiles> {
  await using bare = await BareRuntime.start(runtime, { directory, processes: 1, payload })
  // Awaited here: the runtime ends with this function.
  return await rested(
    () => bare.call(),
    () => delay(restMs),
  )
}

async function idleMesh(
  runtime: Runtime,
  { tier, until }: { readonly tier: 'hot' | 'frozen'; readonly until: string },
): Promise<Percentiles> {
  const scale = { min: 1, max: 1, tier }
  await using mesh = await FunctionMesh.start(runtime, { directory, scale })
  const client = new RawClient(mesh.outboundPort, request)
  const percentiles = await rested(
    () => client.call(),
    async () => {
      await delay(restMs)
      while ((await mesh.instances())[0]?.state !== until) await delay(20)
    },
  )
  client.close()
  return percentiles
}

async function rested(
  call: () => Promise<unknown>,
  rest: () => Promise<unknown>,
): Promise<Percentiles> {
  for (let i = 0; i < callsBefore; i++) await call()
  const samples: number[] = []
  for (let i = 0; i < rests; i++) {
    await rest()
    const begun = monotonicNow()
    await call()
    samples.push(monotonicNow() - begun)
  }
  return percentilesOf(samples)
}

async function coldMesh(
  runtime: Runtime,
  { pool = 0, restMs = 0 }: { readonly pool?: number; readonly restMs?: number },
): Promise<Percentiles> {
  const scale = { min: 0, max: 1, pool }
  await using mesh = await FunctionMesh.start(runtime, { directory, scale })
  const client = new RawClient(mesh.outboundPort, request)
  const samples: number[] = []
  await client.call()
  for (let i = 0; i < coldStarts; i++) {
    for (const { pid } of await mesh.instances()) process.kill(pid, 'SIGKILL')
    while ((await mesh.instances()).length > 0) await delay(5)
    await delay(restMs)
    const begun = monotonicNow()
    await client.call()
    samples.push(monotonicNow() - begun)
  }
  client.close()
  return percentilesOf(samples)
}
