export interface AdminAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

export function jsonAnswer(document: unknown, status = 200): AdminAnswer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(document, null, 2)}\n` }
}
