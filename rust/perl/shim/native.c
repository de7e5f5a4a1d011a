/* Native values behind Perl objects. */
#include "shim.h"

extern void mc_native_free(int kind, void *native);
extern void *mc_native_clone(int kind, void *native);

extern SV *mc_lazy_get(pMC_ SV *slot);

#define MC_KINDS 3
#define MC_LAZY 2
static MGVTBL native_vtbl[MC_KINDS];

#define KIND_OF(mg) ((int)((mg)->mg_virtual - native_vtbl))

static int native_free(pTHX_ SV *sv, MAGIC *mg)
{
    PERL_UNUSED_ARG(sv);
    if (mg->mg_ptr)
        mc_native_free(KIND_OF(mg), mg->mg_ptr);
    mg->mg_ptr = NULL;
    return 0;
}

#ifdef USE_ITHREADS
static int native_dup(pTHX_ MAGIC *mg, CLONE_PARAMS *param)
{
    PERL_UNUSED_ARG(param);
    if (mg->mg_ptr)
        mg->mg_ptr = (char *)mc_native_clone(KIND_OF(mg), mg->mg_ptr);
    return 0;
}
#endif

/* Somebody reads a slot that is only partly filled: it is filled now, and is a slot like any other from then on. */
static int lazy_get(pTHX_ SV *sv, MAGIC *mg)
{
    SV *error = mc_lazy_get(aMC_ sv);
    PERL_UNUSED_ARG(mg);
    if (error)
        croak_sv(sv_2mortal(error));
    sv_unmagicext(sv, PERL_MAGIC_ext, &native_vtbl[MC_LAZY]);
    return 0;
}

/* Somebody reads a key of the object that has such a slot. An XS function that is given the slot itself may not ask its
   magic; so who as much as looks it up by its name gets it filled. */
static I32 lazy_key(pTHX_ IV action, SV *object)
{
    MAGIC *mg = mg_find(object, PERL_MAGIC_uvar);
    SV *key = mg ? mg->mg_obj : NULL;
    PERL_UNUSED_ARG(action);
    if (key && SvPOK(key) && SvCUR(key) == 4 && memEQ(SvPVX_const(key), "data", 4)) {
        SV **slot = (SV **)hv_common((HV *)object, key, NULL, 0, 0, HV_FETCH_JUST_SV | HV_DISABLE_UVAR_XKEY, NULL, 0);
        if (slot && SvGMAGICAL(*slot) && mg_findext(*slot, PERL_MAGIC_ext, &native_vtbl[MC_LAZY]))
            mg_get(*slot);
    }
    return 0;
}

/* Whether magic is only there to watch a session's object. */
int mc_is_watch(MAGIC *mg)
{
    return mg->mg_type == PERL_MAGIC_uvar && ((struct ufuncs *)mg->mg_ptr)->uf_val == lazy_key;
}

void mc_lazy_watch(pMC_ HV *object)
{
    struct ufuncs functions = { lazy_key, NULL, 0 };
    if (!SvMAGIC((SV *)object) || !mg_find((SV *)object, PERL_MAGIC_uvar))
        sv_magic((SV *)object, NULL, PERL_MAGIC_uvar, (char *)&functions, sizeof functions);
}

/* Somebody put something else there. */
static int lazy_set(pTHX_ SV *sv, MAGIC *mg)
{
    PERL_UNUSED_ARG(mg);
    sv_unmagicext(sv, PERL_MAGIC_ext, &native_vtbl[MC_LAZY]);
    return 0;
}

#ifdef USE_ITHREADS
#define NATIVE_DUP native_dup
#else
#define NATIVE_DUP NULL
#endif

/* One table for each kind of value: by its address a value is known to be of that kind. */
static MGVTBL native_vtbl[MC_KINDS] = {
    { NULL, NULL, NULL, NULL, native_free, NULL, NATIVE_DUP, NULL },
    { NULL, NULL, NULL, NULL, native_free, NULL, NATIVE_DUP, NULL },
    { lazy_get, lazy_set, NULL, NULL, native_free, NULL, NATIVE_DUP, NULL },
};

void mc_native_attach(pMC_ SV *sv, int kind, void *native)
{
    MAGIC *mg = sv_magicext(sv, NULL, PERL_MAGIC_ext, &native_vtbl[kind], NULL, 0);
    mg->mg_ptr = (char *)native;
#ifdef USE_ITHREADS
    mg->mg_flags |= MGf_DUP;
#endif
}

/* The value of that kind behind an object, or NULL. */
void *mc_native_of(SV *sv, int kind)
{
    dMAGIC;
    MAGIC *mg = SvTYPE(sv) >= SVt_PVMG ? mg_findext(sv, PERL_MAGIC_ext, &native_vtbl[kind]) : NULL;
    return mg ? mg->mg_ptr : NULL;
}

/* Takes the value of that kind away from an object. */
void mc_native_detach(pMC_ SV *sv, int kind)
{
    sv_unmagicext(sv, PERL_MAGIC_ext, &native_vtbl[kind]);
}
