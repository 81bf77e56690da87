/** Name in the certificates of both ends that a dialling one asks for. */
export const serverName = 'localhost'
