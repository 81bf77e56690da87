import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/**
 * Each line names the process groups alive. End of input means that the parent is gone; whatever its last line
 * named is told to end, and made to five seconds later, with the children of its leader: a container is one that has
 * left the group, and hears nothing that it has not asked for.
 */
const script = `
while read -r line; do groups=$line; done
[ -n "$groups" ] || exit 0
for group in $groups; do kill -s TERM -- "-$group"; done 2>/dev/null
sleep 5
for group in $groups; do
  kill -s KILL -- $(cat /proc/$group/task/*/children) "-$group"
done 2>/dev/null
`

/**
 * Ends the children when this process was killed and could not. An application in any language cannot be asked to
 * watch its parent, so a shell of its own session does, at the price of a megabyte.
 */
export class OrphanGuard {
  readonly #shell: ChildProcess
  readonly #groups = new Set<number>()

  static async start(): Promise<OrphanGuard> {
    const shell = spawn('/bin/sh', ['-c', script], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    })
    await once(shell, 'spawn')
    return new OrphanGuard(shell)
  }

  private constructor(shell: ChildProcess) {
    this.#shell = shell
    // A guard that died before us takes no more lines.
    shell.stdin?.on('error', () => {})
  }

  add(group: number): void {
    this.#groups.add(group)
    this.#tell()
  }

  remove(group: number): void {
    this.#groups.delete(group)
    this.#tell()
  }

  /** After every child has ended. */
  async close(): Promise<void> {
    if (this.#shell.exitCode !== null || this.#shell.signalCode !== null) return
    const exited = once(this.#shell, 'exit')
    this.#shell.stdin?.end()
    await exited
  }

  #tell(): void {
    this.#shell.stdin?.write(`${[...this.#groups].join(' ')}\n`)
  }
}
