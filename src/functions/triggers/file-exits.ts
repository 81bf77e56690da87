import { lstat, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Folders beside the events, for those that are no longer waiting. */
const doneFolder = '.done'
const refusedFolder = '.refused'

/** Takes a file away whose event is in the queue. */
export async function finishFile(
  directory: string,
  name: string,
  after: 'remove' | 'keep',
  id: string,
): Promise<void> {
  // Gone already is as good: another host has the same folder.
  if (after === 'remove') return rm(join(directory, name), { force: true })
  await moveTo(directory, doneFolder, name, id)
}

/** Takes a file away that will never be an event, and says why in a file beside it. */
export async function refuseFile(
  directory: string,
  name: string,
  id: string,
  reason: string,
): Promise<void> {
  const target = await moveTo(directory, refusedFolder, name, id)
  if (target === undefined) return
  // A link that somebody put there is not followed.
  await writeFile(`${target}.reason`, `${reason}\n`, { flag: 'wx' }).catch(ignoreExisting)
}

/** Its new path. Undefined: the file has gone. */
async function moveTo(
  directory: string,
  folder: string,
  name: string,
  id: string,
): Promise<string | undefined> {
  const target = join(
    await ownFolder(directory, folder),
    await freeName(directory, folder, name, id),
  )
  try {
    await rename(join(directory, name), target)
    return target
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

async function ownFolder(directory: string, folder: string): Promise<string> {
  const path = join(directory, folder)
  await mkdir(path).catch(ignoreExisting)
  // Who may write events must not make us write elsewhere.
  if ((await lstat(path)).isDirectory()) return path
  throw new Error(`${path} is no folder: remove it, so that files can be moved there`)
}

/** Its own, unless an earlier file of this name lies there. */
async function freeName(
  directory: string,
  folder: string,
  name: string,
  id: string,
): Promise<string> {
  const isTaken = await lstat(join(directory, folder, name)).then(
    () => true,
    () => false,
  )
  // Names have 255 bytes at most.
  return isTaken ? `${id}${Buffer.byteLength(name) < 200 ? `-${name}` : ''}` : name
}

function ignoreExisting(error: unknown): void {
  if (!hasCode(error, 'EEXIST')) throw error
}

export function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code
}
