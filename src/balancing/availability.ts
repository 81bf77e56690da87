/** Counts the changes of who may serve, so that what follows from it is worked out once for each, not per request. */
export class Availability {
  version = 0
}
