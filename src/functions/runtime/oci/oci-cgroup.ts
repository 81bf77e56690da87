import { readFileSync, writeFileSync } from 'node:fs'
import { cgroupPath } from './oci-bundle.ts'

const mount = '/sys/fs/cgroup'

/**
 * The control group of a container, of version 2 or 1 of the kernel's interface, or of both mixed. Its files are
 * written here rather than by `runc pause`, which takes ten times as long.
 */
export class OciCgroup {
  readonly #freezers: readonly {
    readonly path: string
    readonly on: string
    readonly off: string
  }[]
  readonly #outOfMemoryFiles: readonly string[]

  constructor(id: string, root = mount) {
    const path = cgroupPath(id)
    this.#freezers = [
      { path: `${root}${path}/cgroup.freeze`, on: '1', off: '0' },
      { path: `${root}/freezer${path}/freezer.state`, on: 'FROZEN', off: 'THAWED' },
    ]
    this.#outOfMemoryFiles = [
      `${root}${path}/memory.events`,
      `${root}/memory${path}/memory.oom_control`,
    ]
  }

  /** @returns false where it is not possible. */
  freeze(): boolean {
    return this.#freezers.some(({ path, on }) => wrote(path, on))
  }

  thaw(): void {
    this.#freezers.some(({ path, off }) => wrote(path, off))
  }

  /** The kernel has killed a process in it, for want of memory. */
  get ranOutOfMemory(): boolean {
    return this.#outOfMemoryFiles.some(path => {
      const [, count = '0'] = /^oom_kill (\d+)$/m.exec(read(path)) ?? []
      return Number(count) > 0
    })
  }
}

function wrote(path: string, value: string): boolean {
  try {
    // Never made by us: no such file, no such interface.
    writeFileSync(path, value, { flag: 'r+' })
    return true
  } catch {
    return false
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
