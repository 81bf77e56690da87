/** What the control plane counts, as plain numbers. */
export interface ControlCounters {
  pushes: number
  acks: number
  nacks: number
  /** Streams ended because a push was not answered in time. */
  stalled: number
  /** Requests answered with `refused`. */
  refused: number
  protocolErrors: number
  handshakeFailures: number
  certificates: number
}

export function createControlCounters(): ControlCounters {
  return {
    pushes: 0,
    acks: 0,
    nacks: 0,
    stalled: 0,
    refused: 0,
    protocolErrors: 0,
    handshakeFailures: 0,
    certificates: 0,
  }
}
