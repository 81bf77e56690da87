import type { Push, Subscribed } from '../../../../src/discovery/message.ts'
import { Subscription } from '../../../../src/discovery/subscription.ts'
import type { Subscriber } from '../../../../src/control/sidecars/fleet.ts'

/** A sidecar whose part the test plays. */
export interface TestSubscriber extends Subscriber {
  services: Subscribed
  readonly pushes: Push[]
  readonly ack: () => void
  readonly isReplaced: () => boolean
}

export interface SubscriberOptions {
  readonly namespace?: string
  readonly version?: string
  /** Called when a push has been acked. */
  readonly onAcked?: () => void
}

export function subscriberOf(name: string, options: SubscriberOptions = {}): TestSubscriber {
  const { namespace = 'default', version, onAcked = () => {} } = options
  const pushes: Push[] = []
  let replaced = false
  const subscription = new Subscription({
    version,
    // Nothing here waits for it.
    answerTimeoutMs: 2 ** 31 - 1,
    send: push => pushes.push(push),
    onStalled: () => {},
    onAcked,
  })
  return {
    workload: { namespace, name },
    identity: `spiffe://weft.local/ns/${namespace}/sa/${name}`,
    build: 'test',
    connectedAt: 0,
    services: '*',
    hosts: undefined,
    labels: {},
    subscription,
    pushes,
    ack: () => {
      const { nonce = 0, version: pushed = '' } = pushes.at(-1) ?? {}
      subscription.acked({ type: 'ack', nonce, version: pushed })
    },
    replaced: () => (replaced = true),
    isReplaced: () => replaced,
  }
}
