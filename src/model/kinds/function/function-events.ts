import { z } from 'zod'
import { functionDestination } from '../../function/function-events.ts'
import { cronProblem } from '../../../base/cron.ts'
import { duration, objectName, positiveDuration, serviceName } from '../common.ts'

const mebibyte = 1024 * 1024

const destination = z
  .strictObject({
    function: serviceName.optional().describe('A function of the mesh, in the same namespace.'),
    url: z.url({ protocol: /^https?$/, error: 'must be a URL of http or https' }).optional(),
  })
  .superRefine((given, context) => {
    if ((given.function === undefined) === (given.url === undefined))
      context.addIssue({ code: 'custom', message: 'give either a function or a url' })
  })
  .transform(given => given.url ?? functionDestination + given.function)

/** Of events that are given in and not waited for. */
export const asynchronous = z
  .strictObject({
    retries: z.int().min(0).max(10).default(2).describe('After the function has failed.'),
    backoff: positiveDuration
      .prefault('1m')
      .describe('Before the first retry, doubled for each further.'),
    maxAge: positiveDuration.prefault('6h').describe('Events that are older are given up.'),
    concurrency: z.int().min(1).max(1000).default(10).describe('Events that run at once.'),
    maxEvents: z.int().min(1).max(10_000_000).default(100_000).describe('That wait at most.'),
    maxBytes: z
      .int()
      .min(mebibyte)
      .max(64 * 1024 * mebibyte)
      .default(256 * mebibyte)
      .describe('Of the payloads of those that wait.'),
    onFailure: destination
      .optional()
      .describe('Who is told of events that were given up. Default: nobody, they are dropped.'),
    onSuccess: destination.optional(),
  })
  .prefault({})

const schedule = z
  .strictObject({
    cron: z.string(),
    timeZone: z.string().optional().describe('Such as Europe/Stockholm. Default: UTC.'),
    data: z.json().optional().describe('Data of the event.'),
    missed: z
      .enum(['skip', 'once'])
      .default('skip')
      .describe('What becomes of runs that the machine slept through.'),
  })
  .superRefine(({ cron, timeZone }, context) => {
    const message = cronProblem(cron, timeZone)
    if (message === undefined) return
    const path = cronProblem(cron) === undefined ? 'timeZone' : 'cron'
    context.addIssue({ code: 'custom', path: [path], message })
  })
  .describe('Calls by the clock, with cron’s five fields, or six with seconds first.')

const directory = z
  .strictObject({
    path: z.string().min(1),
    after: z
      .enum(['remove', 'keep'])
      .default('remove')
      .describe('Taken files are removed, or moved into `.done` in the same folder.'),
    settle: duration.optional().describe('A file is taken when unchanged for so long.'),
  })
  .describe('Each file of a folder is an event. Write it under a name that begins with "." first.')

const trigger = z
  .strictObject({
    name: objectName,
    schedule: schedule.optional(),
    directory: directory.optional(),
  })
  .superRefine((given, context) => {
    if ((given.schedule === undefined) === (given.directory === undefined))
      context.addIssue({ code: 'custom', message: 'give either a schedule or a directory' })
  })

/** What calls the function when nobody does: its events go through the queue. */
export const triggers = z
  .array(trigger)
  .max(50)
  .default([])
  .superRefine((list, context) => {
    const names = list.map(({ name }) => name)
    for (const [index, name] of names.entries())
      if (names.indexOf(name) < index)
        context.addIssue({ code: 'custom', path: [index, 'name'], message: `${name} comes twice` })
  })

export type TriggerFields = z.output<typeof trigger>
