/** `GET /` for programs that ask for JSON, as the replaced adapter answered it. Browsers get the till. */
import type { NextFunction, Request, Response } from 'express';

export function adapterFactsFor(version: string) {
  const facts = {
    message: 'Branchline node',
    version,
    docs: '/docs',
    health: '/v1/health',
    status: 'operational',
  };
  return (request: Request, response: Response, next: NextFunction): void => {
    const accept = request.headers.accept ?? '';
    if (!accept.includes('application/json') || accept.includes('text/html')) {
      next();
      return;
    }
    response.status(200).json(facts);
  };
}
