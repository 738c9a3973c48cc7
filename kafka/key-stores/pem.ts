/** The form in which Node's TLS takes certificates. */
export function toPem(certificates: readonly Buffer[]): string {
  return certificates.map((der) => block('CERTIFICATE', der.toString('base64'))).join('');
}

/**
 * Kafka takes PEM whose lines are parted by any space, as a properties file in one line has them; Node
 * wants line ends. What has header lines (old encrypted keys) stays as it is.
 */
export function tidyPem(text: string): string {
  return text.replace(
    /-+BEGIN ([A-Z0-9 ]+?)-+([^:-]*)-+END \1-+\s*/g,
    (_whole, label: string, body: string) => block(label, body.replace(/\s+/g, '')),
  );
}

function block(label: string, base64: string): string {
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
