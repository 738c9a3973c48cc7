/**
 * In what gRPC or a socket says of a failure: nobody listens there, or nothing leads there. TLS has
 * no part in it.
 */
export const NOT_REACHED = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/;
