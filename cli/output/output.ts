import Table from 'cli-table3';
import pc from 'picocolors';

export interface Column<Row> {
  /** UPPER-KEBAB. */
  header: string;
  value: (row: Row) => string;
  align?: 'left' | 'right';
}

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Where commands print. `json` and people's text never mix in one stream. */
export interface Output {
  /** Whether somebody looks at it: colours, prompts and redrawing are for them only. */
  readonly interactive: boolean;
  line(text?: string): void;
  table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): void;
  /** One document on one line if `compact`, for streams of documents. */
  json(document: unknown, compact?: boolean): void;
  /** Empties the screen, to draw the next state over the last one. */
  clear(): void;
}

/** Writes to a stream; `bigint`s become JSON numbers while they are exact, and strings beyond. */
export class StreamOutput implements Output {
  readonly interactive: boolean;
  readonly #write: (text: string) => void;

  constructor(stream: { write: (text: string) => unknown; isTTY?: boolean }) {
    this.interactive = stream.isTTY === true;
    this.#write = (text) => void stream.write(text);
  }

  line(text = ''): void {
    this.#write(`${text}\n`);
  }

  table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): void {
    const table = new Table({
      chars: NO_BORDERS,
      style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
      colAligns: columns.map(({ align }) => align ?? 'left'),
    });
    table.push(columns.map(({ header }) => pc.dim(header)));
    for (const row of rows) table.push(columns.map(({ value }) => value(row)));
    for (const line of table.toString().split('\n')) this.line(line.trimEnd());
  }

  json(document: unknown, compact = false): void {
    this.line(JSON.stringify(document, encodeBigint, compact ? undefined : 2));
  }

  clear(): void {
    if (this.interactive) this.#write('\u001b[H\u001b[2J');
  }
}

function encodeBigint(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  const exact =
    value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= -BigInt(Number.MAX_SAFE_INTEGER);
  return exact ? Number(value) : value.toString();
}
