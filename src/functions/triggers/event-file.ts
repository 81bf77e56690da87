import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { constants, type BigIntStats } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import {
  readJson,
  type CloudEvent,
  type EventData,
  type EventProblem,
} from '../payload/cloud-event.ts'
import { maxEventBytes } from '../queue/event-queue.ts'

const eventSuffix = '.cloudevent.json'

/** What an event is made of. */
export interface EventFile {
  readonly name: string
  readonly content: Buffer
  /** Last change of the content, ms since 1970. */
  readonly changedAt: number
}

/**
 * Changes whenever the file is written, or put in its place: a copy that kept its time, or a file brought back from
 * `.done`, is an event of its own.
 */
export function fingerprint(name: string, { size, mtimeNs, ctimeNs, ino }: BigIntStats): string {
  const facts = [name, size, mtimeNs, ctimeNs, ino].join('\0')
  return createHash('sha256').update(facts).digest('hex').slice(0, 32)
}

/**
 * The file as it was when its fingerprint was taken. Undefined: it has changed since, or is no file any more.
 * @throws when it can't be read.
 */
export async function readEventFile(
  directory: string,
  name: string,
  expected: string,
): Promise<EventFile | undefined> {
  // In the meantime it may have become a link, or a pipe that nobody writes to.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await open(join(directory, name), flags)
  try {
    const before = await file.stat({ bigint: true })
    if (!before.isFile() || fingerprint(name, before) !== expected) return undefined
    const buffer = Buffer.alloc(Math.min(Number(before.size), maxEventBytes))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0)
    const after = await file.stat({ bigint: true })
    if (bytesRead !== buffer.length || fingerprint(name, after) !== expected) return undefined
    return { name, content: buffer, changedAt: Number(before.mtimeMs) }
  } finally {
    await file.close()
  }
}

/** The event in a file: the CloudEvent it holds, or one around its content. */
export function fileEvent(file: EventFile, id: string, source: string): CloudEvent | EventProblem {
  const { name, content, changedAt } = file
  if (name.endsWith(eventSuffix) || saysItIsEvent(content)) return readJson(content)
  const data = fileData(name, content)
  if ('problem' in data) return data
  return {
    specversion: '1.0',
    id,
    source,
    type: 'dev.weft.file',
    subject: name,
    time: new Date(changedAt).toISOString(),
    extensions: new Map(),
    ...data,
  }
}

function saysItIsEvent(content: Buffer): boolean {
  const value = parse(content)
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'specversion')
}

function fileData(
  name: string,
  bytes: Buffer,
): { readonly datacontenttype: string; readonly data: EventData } | EventProblem {
  if (name.endsWith('.json')) {
    const value = parse(bytes)
    if (value === undefined) return { problem: 'the file ends in .json and is no JSON' }
    return { datacontenttype: 'application/json', data: { kind: 'json', value } }
  }
  if (name.endsWith('.txt') && isUtf8(bytes))
    return { datacontenttype: 'text/plain', data: { kind: 'text', text: bytes.toString() } }
  return { datacontenttype: 'application/octet-stream', data: { kind: 'bytes', bytes } }
}

function parse(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString().replace(/^\ufeff/, ''))
  } catch {
    // Most files are no JSON.
    return undefined
  }
}
