import { parseArgs } from 'node:util'
import { type Load, type Payload, payloads, type Topology, topologies } from './bench-case.ts'

/** What to run: everything unless narrowed. */
export interface BenchOptions {
  readonly topologies: readonly Topology[]
  readonly payloads: readonly Payload[]
  /** Absent: all that are there. */
  readonly subjects?: readonly string[]
  /** Absent: each protocol's own. */
  readonly loads?: readonly Load[]
  /** Default 3. */
  readonly rounds: number
  /** Of one measurement. Default 4. */
  readonly seconds: number
  /** File for the rows as JSON. */
  readonly json?: string
  /** Whether the results replace RESULTS.md: on a run of everything, or when asked. */
  readonly write: boolean
}

const defaultRounds = 3
const defaultSeconds = 4

/** Throws an error that names the option and what it accepts. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      body: { type: 'string' },
      subjects: { type: 'string' },
      connections: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'string' },
      write: { type: 'boolean' },
    },
  })
  const { only, body, subjects, connections, rounds, seconds, json, write } = values
  const narrowed = [only, body, subjects, connections, rounds, seconds].some(Boolean)
  return {
    topologies: only === undefined ? topologies : [parseTopology(only)],
    payloads: body === undefined ? payloads : body.split(',').map(parsePayload),
    ...(subjects === undefined ? {} : { subjects: subjects.split(',') }),
    ...(connections === undefined ? {} : { loads: connections.split(',').map(parseLoad) }),
    rounds: rounds === undefined ? defaultRounds : parseCount('rounds', rounds),
    seconds: seconds === undefined ? defaultSeconds : parseCount('seconds', seconds),
    ...(json === undefined ? {} : { json }),
    write: write ?? !narrowed,
  }
}

function parseTopology(text: string): Topology {
  const found = topologies.find(topology => topology === text)
  if (found === undefined) throw new Error(`--only ${text}: give ${topologies.join(' or ')}`)
  return found
}

/** The unit may be left out of bytes: `100` is `100B`, `10K` is `10KB`. */
function parsePayload(text: string): Payload {
  const found = payloads.find(({ name }) => name === text || name === `${text}B`)
  const names = payloads.map(({ name }) => name).join(', ')
  if (found === undefined) throw new Error(`--body ${text}: give one or more of ${names}`)
  return found
}

/** `50`, or `10x10` for streams on each connection. */
function parseLoad(text: string): Load {
  const [, connections, streams = '1'] = /^([1-9]\d*)(?:x([1-9]\d*))?$/.exec(text) ?? []
  if (connections === undefined)
    throw new Error(`--connections ${text}: give a number from 1, or 10x10 for streams on each`)
  return { connections: Number(connections), streams: Number(streams) }
}

function parseCount(option: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${option} ${text}: give a number from 1`)
  return Number(text)
}
