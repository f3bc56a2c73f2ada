/** A message-routing middleware on Spring WebFlux: authenticates, validates, routes and echoes JSON messages. */
package bench.middleware;
