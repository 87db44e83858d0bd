// What a module refuses to do for a reason of the caller's: a status of HTTP, words, and the fields that are wrong. An API
// tells it as a problem, a page in its own way.

/** A field that is wrong, by the names that validation uses. */
export interface WrongField {
  readonly in: 'body' | 'querystring' | 'params' | 'headers';
  readonly field: string;
  readonly message: string;
}

export class Refusal extends Error {
  readonly statusCode: number;
  readonly fields: readonly WrongField[];

  constructor(statusCode: number, message: string, fields: readonly WrongField[] = []) {
    super(message);
    this.statusCode = statusCode;
    this.fields = fields;
  }
}

/** There is no such thing (404). */
export class NotFound extends Refusal {
  constructor(message: string) {
    super(404, message);
  }
}

/** One field is wrong (400). */
export function wrongField(place: WrongField['in'], field: string, message: string): Refusal {
  return new Refusal(400, `${field} ${message}`, [{ in: place, field, message }]);
}
