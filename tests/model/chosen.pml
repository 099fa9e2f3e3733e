/* Which scenario and mutant a model runs. One pan runs them all: it takes both numbers from the environment, SCENARIO
 * and MUTANT (0: none). To read a trail with `spin -t`, fix them: spin -DSCENARIO=1 -DMUTANT=0 -t -p model.pml. */
#ifdef SCENARIO
#define CHOOSE skip
#else
#define SCENARIO scenario
#define MUTANT mutant
#define CHOOSE c_code { scenario = atoi(getenv("SCENARIO")); mutant = atoi(getenv("MUTANT")); }
hidden byte scenario, mutant;
#endif
