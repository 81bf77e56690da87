import { readdirSync, readFileSync } from 'node:fs'
import { kill } from 'node:process'

/** Signals a process that leads its own group (spawned `detached`), and all that it has started in it. */
export function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    kill(-leader, signal)
  } catch {
    // No such group: all of it has ended.
  }
}

/** Kills the children of a process, in whatever groups they are. Does nothing where the kernel does not tell them. */
export function killChildren(parent: number): void {
  try {
    const threads = `/proc/${parent}/task`
    const children = readdirSync(threads).flatMap(thread =>
      readFileSync(`${threads}/${thread}/children`, 'utf8').split(' ').filter(Boolean),
    )
    for (const child of children) kill(Number(child), 'SIGKILL')
  } catch {
    // One has ended meanwhile, or all: who asks looks at its parent.
  }
}
