import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { functionLabel } from '../../src/model/function/function.ts'
import { functionYaml, invoke } from '../support/functions/mesh.ts'
import { call, eventually, startMesh, startSidecar } from '../support/mesh.ts'

/** A disk of 4 MiB. */
class SmallDisk {
  readonly path = mkdtempSync(join(tmpdir(), 'weft-disk-'))
  /** Why it could not be mounted; false when it was. */
  readonly missing: string | false
  readonly #filler = join(this.path, 'filler')

  constructor() {
    const mount = ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', this.path]
    const { status } = spawnSync('mount', mount)
    this.missing = status !== 0 && 'only root can mount a file system, where it is allowed at all'
  }

  fill(): void {
    for (;;)
      try {
        appendFileSync(this.#filler, Buffer.alloc(4096))
      } catch {
        return
      }
  }

  free(): void {
    rmSync(this.#filler)
  }

  remove(): void {
    if (this.missing === false) spawnSync('umount', [this.path])
    rmSync(this.path, { recursive: true })
  }
}

function whyNoDisk(): string | false {
  const disk = new SmallDisk()
  disk.remove()
  return disk.missing
}

const asEvent = { 'x-amz-invocation-type': 'Event' }

t.test(
  'a queue whose disk is full says so, and takes events again when there is room',
  { skip: whyNoDisk() },
  async t => {
    const disk = new SmallDisk()
    // Run last, when nobody uses it any more.
    t.teardown(() => disk.remove())
    const mesh = await startMesh(t, functionYaml('echo'))
    const { ports } = await startSidecar(t, mesh, { name: 'caller' })
    await startSidecar(t, mesh, {
      name: 'echo',
      labels: { [functionLabel]: 'echo' },
      overrides: { hostsFunction: true, stateDirectory: disk.path },
    })
    const file = join(mesh.folder, 'ran')
    writeFileSync(file, '')
    const put = (text: string, more = '') =>
      invoke(ports.outbound, 'echo', {
        event: { action: 'append', file, text, more },
        headers: asEvent,
      })
    const ran = (text: string): Promise<string> =>
      eventually(
        () => readFileSync(file, 'utf8'),
        written => written.endsWith(text),
      )
    const sync = () => invoke(ports.outbound, 'echo', { event: { action: 'return', result: 1 } })
    await eventually(sync, ({ status }) => status === 200)
    t.equal((await put('a')).status, 202)
    await ran('a')

    disk.fill()
    // Not the first, where the file has room within.
    const large = 'x'.repeat(900_000)
    const refused = await eventually(
      () => put('b', large),
      ({ status }) => status !== 202,
    )
    t.match(refused, {
      status: 500,
      headers: { 'x-weft-reason': 'event_not_stored', 'x-amzn-errortype': 'ServiceException' },
    })
    t.match(JSON.parse(refused.body), { Type: 'Service', message: /full/ })

    const byHttp = await call(ports.outbound, {
      method: 'POST',
      headers: { host: 'echo.fn.mesh', prefer: 'respond-async', 'content-type': 'text/plain' },
      body: 'x'.repeat(700_000),
    })
    t.match(byHttp, { status: 500, headers: { 'x-weft-reason': 'event_not_stored' } })
    t.equal(byHttp.headers['preference-applied'], undefined)

    t.match(await sync(), { status: 200, body: '1' }, 'who waits for an answer gets one')

    disk.free()
    await eventually(
      () => put('c', large),
      ({ status }) => status === 202,
    )
    const all = await ran('c')
    // Where the file had room within, some of the large ones were taken.
    t.match(all, /^ab*c$/)
  },
)
