import { execFileSync } from 'node:child_process'
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { OciRuntime } from '../../../src/functions/runtime/oci/oci-runtime.ts'
import { OciDriver } from '../../../src/functions/runtime/oci/oci-sandbox.ts'
import type { FunctionSpec } from '../../../src/model/function/function.ts'
import { functionSpec, GuardRecord } from './sandbox.ts'

/** Why containers can't be tested here; undefined: they can. */
export function ociObstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  const commands = [
    ['runc', '--version'],
    ['mkfifo', '--version'],
    ['ldd', process.execPath],
    ['unshare', '--mount', '--pid', '--uts', '--ipc', '--fork', 'true'],
  ]
  for (const [program = '', ...args] of commands)
    try {
      execFileSync(program, args, { stdio: 'ignore' })
    } catch {
      return `needs ${program}, and the right to make namespaces: apt-get install runc`
    }
  return undefined
}

/** A runtime whose events are JavaScript, and whose results are what that gives. */
const runtime = `
import http from 'node:http'
import * as fs from 'node:fs'
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
const agent = new http.Agent({ keepAlive: true })
const ask = (method, path, body) => new Promise((resolve, reject) => {
  const request = http.request({ host, port, agent, method, path: '/2018-06-01/runtime' + path })
  request.on('error', reject).on('response', async response => {
    let text = ''
    for await (const chunk of response) text += chunk
    resolve({ id: response.headers['lambda-runtime-aws-request-id'], text })
  })
  request.end(body)
})
const started = process.hrtime.bigint()
let ticks = 0
setInterval(() => ticks++, 5)
console.log('up')
for (;;) {
  const { id, text } = await ask('GET', '/invocation/next')
  const result = await eval(JSON.parse(text))
  await ask('POST', '/invocation/' + id + '/response', JSON.stringify(result ?? null))
}
`

export interface OciScene {
  readonly driver: OciDriver
  readonly guard: GuardRecord
  /** The state of the container's driver. */
  readonly directory: string
  readonly spec: FunctionSpec
}

/** A driver for containers, and a function whose image has nothing but Node. */
export function ociScene(t: Test, changes: Partial<FunctionSpec> = {}): OciScene {
  // A folder of tap's would be gone before the container.
  const root = mkdtempSync(join(tmpdir(), 'weft-oci-'))
  const image = join(root, 'image')
  buildImage(image)
  mkdirSync(join(root, 'code'))
  writeFileSync(join(root, 'code/runtime.mjs'), runtime)
  const environment = { PATH: process.env['PATH'] ?? '' }
  const guard = new GuardRecord()
  const directory = join(root, 'state')
  const driver = new OciDriver({
    runtime: new OciRuntime({ directory, environment }),
    guard,
    environment,
  })
  t.teardown(async () => {
    await driver.close()
    rmSync(root, { recursive: true })
  })
  const spec = functionSpec({
    driver: 'oci',
    image,
    command: ['node', 'runtime.mjs'],
    directory: join(root, 'code'),
    memoryMib: 256,
    ...changes,
  })
  return { driver, guard, directory, spec }
}

/** Node, and the libraries that it is linked to. */
function buildImage(image: string): void {
  mkdirSync(join(image, 'usr/bin'), { recursive: true })
  mkdirSync(join(image, 'etc'))
  mkdirSync(join(image, 'tmp'), { mode: 0o755 })
  writeFileSync(join(image, 'etc/hosts'), '')
  const node = join(image, 'usr/bin/node')
  try {
    linkSync(process.execPath, node)
  } catch {
    copyFileSync(process.execPath, node)
  }
  const listed = execFileSync('ldd', [process.execPath], { encoding: 'utf8' })
  for (const [library] of listed.matchAll(/\/\S+(?= \(0x)/g)) {
    mkdirSync(join(image, dirname(library)), { recursive: true })
    copyFileSync(library, join(image, library))
  }
}
