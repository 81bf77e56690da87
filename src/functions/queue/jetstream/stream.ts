import type { JetStreamManager } from '@nats-io/jetstream'

/** What is to be on the server. A stream that exists is used as it is: its replicas and bounds are its operator's. */
export interface StreamPlan {
  readonly stream: string
  /** Of all functions that share the stream. */
  readonly subjects: string
  /** Of this function. */
  readonly subject: string
  readonly consumer: string
  /** Of one function. */
  readonly maxEvents: number
  /** Of the stream. */
  readonly maxBytes: number
  readonly keyWindowMs: number
  readonly leaseMs: number
}

const nanosecondsPerMs = 1_000_000

/** Makes what is missing. @throws Error of the server, and where the stream is not made for work. */
export async function prepareStream(manager: JetStreamManager, plan: StreamPlan): Promise<void> {
  const jetstream = await import('@nats-io/jetstream')
  const { JetStreamApiCodes: codes, RetentionPolicy, StorageType, DiscardPolicy } = jetstream
  const found = await ifThere(manager.streams.info(plan.stream), codes.StreamNotFound)
  if (found === undefined)
    await manager.streams.add({
      name: plan.stream,
      subjects: [plan.subjects],
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      discard_new_per_subject: true,
      max_msgs_per_subject: plan.maxEvents,
      max_bytes: plan.maxBytes,
      duplicate_window: plan.keyWindowMs * nanosecondsPerMs,
    })
  else if (found.config.retention !== RetentionPolicy.Workqueue)
    throw new Error(
      `stream ${plan.stream} must have work-queue retention; it has ${found.config.retention}`,
    )
  await prepareConsumer(manager, plan)
}

async function prepareConsumer(manager: JetStreamManager, plan: StreamPlan): Promise<void> {
  const { JetStreamApiCodes: codes, AckPolicy } = await import('@nats-io/jetstream')
  const { stream, consumer, subject } = plan
  const ackWait = plan.leaseMs * nanosecondsPerMs
  const found = await ifThere(manager.consumers.info(stream, consumer), codes.ConsumerNotFound)
  if (found === undefined)
    await manager.consumers.add(stream, {
      durable_name: consumer,
      filter_subject: subject,
      ack_policy: AckPolicy.Explicit,
      ack_wait: ackWait,
      // How often an event is tried is decided by who delivers it.
      max_deliver: -1,
      // Those that wait for their next try count as pending, and must not keep the others from being tried.
      max_ack_pending: -1,
    })
  else if (found.config.ack_wait !== ackWait)
    await manager.consumers.update(stream, consumer, { ack_wait: ackWait })
}

async function ifThere<T>(asked: Promise<T>, missing: number): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if ((error as { code?: unknown }).code === missing) return undefined
    throw error
  }
}
